# Photon OS: linux, linux-esx, linux-rt.
match ^linux(-[a-z0-9]+)*-.*\.ph([0-9]+)
macro dist .ph$2
macro photon $2
config ^config-(esx|rt|secure)(_x86_64)?$
switches canister_build acvp_build kat_build
