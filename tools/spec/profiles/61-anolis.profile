# Anolis OS 7, 8 and 23, Alibaba Cloud Linux (.al7, .al8), UOS (.uelc20), which derives
# from Anolis. Their spec has the dist in it.
match ^kernel(-[a-z]+)?-.*(\.(an|al|uelc)([0-9]+))
macro dist $2
switches up debug doc headers perf tools bpftool debuginfo baseonly dbgonly sparse gcov
