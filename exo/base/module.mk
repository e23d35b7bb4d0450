KERNEL += exo/base/string.c
KERNEL += exo/base/print.c
