# SPDX-License-Identifier: GPL-2.0-only
# portable.sed - writes a spec the way every host's rpm takes it, without a change
# of meaning. (sed -E)

# ApplyPatch greps for "Patch1: name" with one space, and nothing after the name.
s/^[Pp]atch([0-9]+)[ \t]*:[ \t]*/Patch\1: /
/^Patch[0-9]+: /s/[ \t]+$//

# The rest is about commands. rpm expands macros in comments and in the changelog,
# too, where a %patch would become lines of its own.
/^[ \t]*#/b
/^%changelog/,/^%[a-z]/b

# rpm >= 4.20 knows "%patch -P 1" and not "%patch1", wherever it stands in a line;
# "%patch" alone is Patch0.
s/(^|[^%])%(\{?)patch([0-9]+)/\1%\2patch -P \3/g
/^[ \t]*%patch([ \t]|$)/{
	/[ \t](-P|[0-9%])/!s/%patch/%patch -P 0/
	# rpm < 4.20 knows it only at the start of a line.
	s/^[ \t]+//
}

# Called by an absolute path, the stand-ins would be passed by where there are no
# namespaces (contain).
s,(^|[;|&(`]|(^|[ \t;])(then|do|else|if|while|until|exec|time|!)[ \t])([ \t]*)(%\{?_bindir\}?|(/usr)?/bin)/(patch|git|make)([ \t]|$),\1\4\7\8,g

# The distribution's compiler is switched on only where it is.
s,^([ \t]*)(source|\.)[ \t]+(/opt/rh/[^ \t;]+)[ \t]*$,\1test ! -r \3 || . \3,
