// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's microvm has a second I/O APIC for its virtio-mmio transports 0 to 23, and only ACPI or a device tree
 * would tell of it. This kernel has neither, so it is told on the command line:
 *
 *	kraud_ioapic2=0xfec10000
 *
 * The interrupts of that I/O APIC become IRQ 24 and up, usable in virtio_mmio.device=SIZE@BASE:IRQ.
 */
#include <linux/init.h>
#include <linux/irqdomain.h>
#include <linux/kernel.h>
#include <linux/numa.h>
#include <asm/hw_irq.h>
#include <asm/io_apic.h>
#include <asm/irqdomain.h>

enum { FIRST_GSI = 24, PINS = 24 };

static unsigned int ioapic2_address;

static int __init ioapic2_setup(char *text)
{
	return kstrtouint(text, 0, &ioapic2_address) == 0;
}
__setup("kraud_ioapic2=", ioapic2_setup);

static int __init ioapic2_register(void)
{
	struct ioapic_domain_cfg config = {
		.type = IOAPIC_DOMAIN_STRICT,
		.ops = &mp_ioapic_irqdomain_ops,
	};
	int error, gsi;

	if (!ioapic2_address)
		return 0;
	error = mp_register_ioapic(1, ioapic2_address, FIRST_GSI, &config);
	if (error)
		return error;
	for (gsi = FIRST_GSI; gsi < FIRST_GSI + PINS; gsi++) {
		struct irq_alloc_info info;
		int irq;

		ioapic_set_alloc_attr(&info, NUMA_NO_NODE, 0, 0);
		irq = mp_map_gsi_to_irq(gsi, IOAPIC_MAP_ALLOC, &info);
		if (irq != gsi)
			pr_warn("ioapic2: GSI %d is IRQ %d\n", gsi, irq);
	}
	return 0;
}
subsys_initcall(ioapic2_register);
