# kernel.org's tarballs and git trees, made by tools/upstream-base: without a config.
match ^kernel-[0-9]+\.[0-9]+\.[0-9]+-(1|0\.[0-9A-Za-z]+)(\.[0-9]+git[0-9a-f]+)?$
member ^linux-[0-9]+\.[0-9]+\.[0-9]+\.tar(\.(xz|gz|bz2|zst))?$
lacks config
