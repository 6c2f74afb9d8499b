# SPDX-License-Identifier: GPL-2.0-only
# Makes tables in Markdown from measure's output; -v where=WORDS. If a figure occurs
# several times, it takes the median.
function put(row, vmm, value,    k, i) {
	if (!(row in seen)) {
		seen[row] = 1
		rows[++n] = row
	}
	k = ++count[row, vmm]
	for (i = k; i > 1 && sorted[row, vmm, i - 1] > value; i--)
		sorted[row, vmm, i] = sorted[row, vmm, i - 1]
	sorted[row, vmm, i] = value
	cell[row, vmm] = sorted[row, vmm, int((k + 1) / 2)]
}
function show(row, vmm) {
	return (row, vmm) in cell ? sprintf(row ~ /KiB$/ ? "%.0f" : "%.2f", cell[row, vmm]) : "–"
}
function ratio(row, a, b) {
	return (row, a) in cell && (row, b) in cell && cell[row, b] > 0 ? \
		sprintf("%.2f", cell[row, a] / cell[row, b]) : "–"
}
$1 == "start" || $1 == "restore" {
	at = $1 == "start" ? 4 : 3
	what = $1 == "restore" ? "restore, to its first KVM_RUN" : \
		$2 == "flat" ? "flat guest, to its first KVM_RUN" : \
		$2 == "full" ? "the same, 128 MiB, irqchip, PIT, disk" : \
		$2 == "linux" ? "Linux guest and disk, to its first KVM_RUN" : \
		"the same by bzImage"
	vmm = $(at - 1)
	put(what ", ms", vmm, $at / 1000)
	put(what ", least, ms", vmm, $(at + 1) / 1000)
	if ($1 == "start" && $2 == "linux") {
		put("resident then, without the guest's RAM, KiB", vmm, $(at + 2))
		put("of that private, KiB", vmm, $(at + 3))
	}
}
$1 == "init" {
	put("Linux guest, to its init, ms", $2, $3 / 1000)
	put("resident at its init, without the guest's RAM, KiB", $2, $4)
	put("of that private at its init, KiB", $2, $5)
}
$1 == "blk" {
	name = sprintf("disk, %s of %d KiB, ", $3, $4 / 1024)
	put(name "MB/s", $2, $4 * $5 / $6)
	if ($7 > 0)
		put(name "exits each", $2, $7 / $5)
}
$1 == "net" && $5 > 0 {
	name = sprintf("network, %s of %d bytes, ", $3 == "send" ? "sending" : "exchange", $4)
	if ($3 == "send")
		put(name "MB/s", $2, $4 * $5 / $6)
	else
		put(name "a second", $2, $5 / $6 * 1000000)
	if ($7 > 0)
		put(name "exits each", $2, $7 / $5)
}
$1 == "scale" {
	scale[++s] = sprintf("| %d %s | %.2f | %.2f | %d | %d |", $3, $2, $4 / 1000, $5 / 1000, $6, $7)
	least[s] = $5
	kind[s] = $2 == "cpus" ? $2 : "devices"
	if ($5 > most[kind[s]])
		most[kind[s]] = $5
}
END {
	if (n) {
		print "| " where " | bare ioctls | kvm-vmm | kvmtool | QEMU microvm | : bare | : kvmtool | : QEMU |"
		print "|---|--:|--:|--:|--:|--:|--:|--:|"
	}
	for (i = 1; i <= n; i++)
		print "| " rows[i] " | " show(rows[i], "bare") " | " show(rows[i], "kvm-vmm") \
			" | " show(rows[i], "kvmtool") " | " show(rows[i], "qemu") \
			" | " ratio(rows[i], "kvm-vmm", "bare") " | " ratio(rows[i], "kvm-vmm", "kvmtool") \
			" | " ratio(rows[i], "kvm-vmm", "qemu") " |"
	if (s) {
		print (n ? "\n" : "") "| kvm-vmm on " where ", with | to its first KVM_RUN, ms | least, ms | resident, KiB | private, KiB | the least as a bar |"
		print "|---|--:|--:|--:|--:|---|"
	}
	for (i = 1; i <= s; i++) {
		bar = ""
		for (k = 0; k < 32 * least[i] / most[kind[i]]; k++)
			bar = bar "█"
		print scale[i] " " bar " |"
	}
	if (n || s)
		print ""
}
