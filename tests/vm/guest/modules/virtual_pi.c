// SPDX-License-Identifier: MIT
/*
 * Says what a Raspberry Pi's firmware says of its board, in the places where programs read it:
 * /proc/device-tree/compatible, /model and /system/linux,revision. A kernel for PCs has no device tree of its own.
 *
 *     modprobe virtual_pi board=4    (a Pi 4 B, or 5 for a Pi 5 B)
 */
#include <linux/init.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

struct text {
	const char *bytes;
	size_t length;
};

#define TEXT(words) { words, sizeof(words) }	/* each name ends with a zero byte, the last one too */
#define NUMBER(bytes) { bytes, sizeof(bytes) - 1 }

static const struct text compatible[] = {
	TEXT("raspberrypi,4-model-b\0brcm,bcm2711"), TEXT("raspberrypi,5-model-b\0brcm,bcm2712"),
};
static const struct text model[] = {
	TEXT("Raspberry Pi 4 Model B Rev 1.4"), TEXT("Raspberry Pi 5 Model B Rev 1.0"),
};
/* https://www.raspberrypi.com/documentation/computers/raspberry-pi.html#new-style-revision-codes, most significant byte first */
static const struct text revision[] = { NUMBER("\x00\xc0\x31\x14"), NUMBER("\x00\xd0\x41\x70") };

static int board = 4;
module_param(board, int, 0444);
MODULE_PARM_DESC(board, "which Pi: 4 or 5");

static struct proc_dir_entry *tree;

static int show(struct seq_file *file, void *unused)
{
	const struct text *text = file->private;

	seq_write(file, text->bytes, text->length);
	return 0;
}

static int __init virtual_pi_init(void)
{
	struct proc_dir_entry *system;
	int which = board - 4;

	if (which != 0 && which != 1)
		return -EINVAL;
	tree = proc_mkdir("device-tree", NULL);
	system = tree ? proc_mkdir("system", tree) : NULL;
	if (!system ||
	    !proc_create_single_data("compatible", 0444, tree, show, (void *)&compatible[which]) ||
	    !proc_create_single_data("model", 0444, tree, show, (void *)&model[which]) ||
	    !proc_create_single_data("linux,revision", 0444, system, show, (void *)&revision[which])) {
		proc_remove(tree);
		return -ENOMEM;
	}
	return 0;
}

static void __exit virtual_pi_exit(void)
{
	proc_remove(tree);
}

module_init(virtual_pi_init);
module_exit(virtual_pi_exit);
MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("What a Raspberry Pi's firmware says of its board");
