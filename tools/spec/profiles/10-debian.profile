# The embedded base, made by tools/debian-base.
match ^kernel-[0-9.]+-(0\.rc[0-9]+\.)?[0-9]+([~+][0-9a-z]+)*$
member ^(kernel-x86_64\.config|0001-init-default-hostname-localhost\.patch)$
