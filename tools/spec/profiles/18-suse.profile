# SUSE and openSUSE. The patches of kernel-source are applied by its %install, and its
# %prep unpacks no kernel; kernel-default and the like are .nosrc packages that read
# the sources of kernel-source.
match ^kernel-(azure|debug|default|kvmsmall|rt|source|vanilla)(-[a-z]+)*-[^-]+-[0-9]+(\.[0-9]+)*(\.g[0-9a-f]+)?$
refuse SUSE's kernel packages make no tree in %prep: kernel-source applies its patches in %install, kernel-default reads kernel-source's files
refuse take the git tree that SUSE makes of it, with all patches applied: make rpm SRPM=DIR REF=rpm-VERSION-RELEASE CONFIG=lean
