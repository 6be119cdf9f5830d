import { getJson } from '../../client.ts';

interface HostInfo {
  Accelerator: string;
  Reason: string;
  Vmm: string;
  GuestKernel: string;
  WarmSlots: number;
  WarmSlotsMax: number;
  Moulds: number;
  RunningVms: number;
  Asleep: number;
}

/** What this machine gives, and how its VMs are run. */
export async function showHost(options: { socket: string; json: boolean }): Promise<void> {
  const info = await getJson(options.socket, '/info');
  const kraud = info.Kraud as HostInfo;
  const host = {
    name: info.Name,
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
    kernel: info.KernelVersion,
    guestKernel: kraud.GuestKernel,
    vmm: kraud.Vmm,
    accelerator: kraud.Accelerator,
    reason: kraud.Reason,
    vms: kraud.RunningVms,
    asleep: kraud.Asleep,
    warmSlots: kraud.WarmSlots,
    warmSlotsMax: kraud.WarmSlotsMax,
    moulds: kraud.Moulds,
  };
  if (options.json) {
    console.log(JSON.stringify(host));
    return;
  }
  const rows: [string, unknown][] = [
    ['host', host.name],
    ['cpus', host.cpus],
    ['memory', `${(Number(host.memoryBytes) / 2 ** 30).toFixed(1)} GiB`],
    ['kernel', host.kernel],
    ['guest kernel', host.guestKernel],
    ['vmm', host.vmm],
    ['accelerator', `${host.accelerator} (${host.reason})`],
    ['vms', host.vms],
    ['asleep', host.asleep],
    ['warm slots', `${host.warmSlots} of at most ${host.warmSlotsMax}`],
    ['moulds', host.moulds],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(13)} ${value}`);
}
