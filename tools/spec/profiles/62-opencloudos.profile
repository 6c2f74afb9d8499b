# OpenCloudOS 8 and 9, TencentOS (.tl3, .tl4, .tks).
match ^kernel(-[a-z0-9]+)*-.*(\.((oc|tl|ts)[0-9]+|tks))
macro dist $2
switches up doc headers perf tools bpftool debuginfo selftests modsign kabichk keypkg crossbuild
