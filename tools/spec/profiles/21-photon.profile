# Photon OS: linux, linux-esx, linux-rt.
match ^linux(-[a-z0-9]+)*-.*\.ph([0-9]+)
macro dist .ph$2
macro photon $2
config ^config-(esx|rt|secure)(_x86_64)?$
skip ^check_for_(acvp_)?config_applicability\.inc$
switches canister_build acvp_build kat_build
