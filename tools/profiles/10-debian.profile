# The embedded base, made by tools/debian-base.
match ^kernel-[0-9.]+-[0-9]+(~deb[0-9]+u[0-9]+)?$
member ^kernel-x86_64\.config$
config ^kernel-x86_64\.config$
