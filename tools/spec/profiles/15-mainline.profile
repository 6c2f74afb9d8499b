# make rpm-pkg, make srcrpm-pkg of the kernel's own tree. Release is a count; up
# to 6.2 the archive is kernel-VERSION.tar.gz with .config in it, later
# linux.tar.gz with config and diff.patch beside it.
match ^kernel-.*-[0-9]+$
member ^(linux|kernel-[^/]*)\.tar\.gz$
config tree:^\.config$
switches devel debug debuginfo headers
