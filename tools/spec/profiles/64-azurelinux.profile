# Azure Linux 3 (.azl3) and CBL-Mariner 2 (.cm2), with kernel-hwe and the like.
match ^kernel(-[a-z0-9]+)*-.*\.(azl|cm)([0-9]+)
macro dist .$2$3
macro azl $3
switches debuginfo
