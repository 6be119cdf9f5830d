import { type BodyRow, row } from '../../body/rows.ts';

const oneVm = 'a pod has its own VM with one memory node';
const noBlkio = { discarded: 'block I/O of a pod is bounded by its own disk' };

/** Limits as `create` has them below `HostConfig` and `update` has them at its top. */
export const resourceRows = (prefix: string): readonly BodyRow[] => {
  const at = (name: string): string => prefix + name;
  return [
    row('yes', at('Memory'), 'int', 134_217_728),
    row('yes', at('MemorySwap'), 'int', 268_435_456),
    row('yes', at('MemoryReservation'), 'int', 67_108_864),
    row('partly', at('MemorySwappiness'), 'int', 10, { neutral: [-1], discarded: 'the guest has no swap' }),
    row('partly', at('KernelMemory'), 'int', 1_000_000, { neutral: [-1], discarded: 'gone from Docker too' }),
    row('partly', at('KernelMemoryTCP'), 'int', 1_000_000, { neutral: [-1], discarded: 'cgroup v1 only' }),
    row('yes', at('OomKillDisable'), 'bool', true),
    row('yes', at('NanoCpus'), 'int', 1_500_000_000),
    row('yes', at('CpuQuota'), 'int', 50_000),
    row('yes', at('CpuPeriod'), 'int', 200_000),
    row('yes', at('CpuShares'), 'int', 512),
    row('yes', at('CpusetCpus'), 'string', '0'),
    row('refused', at('CpusetMems'), 'string', '1', {
      neutral: ['0'],
      note: oneVm,
      form: { pattern: /^\d+(-\d+)?(,\d+(-\d+)?)*$/, otherwise: 'Invalid value {} for cpuset mems' },
    }),
    row('refused', at('CpuRealtimePeriod'), 'int', 1_000, { note: 'the guest has no real-time groups' }),
    row('refused', at('CpuRealtimeRuntime'), 'int', 1_000, { note: 'the guest has no real-time groups' }),
    row('yes', at('PidsLimit'), 'int', 50),
    row('partly', at('BlkioWeight'), 'int', 300, noBlkio),
    row('partly', at('BlkioWeightDevice'), 'any', [{ Path: '/dev/vda', Weight: 300 }], noBlkio),
    row('partly', at('BlkioDeviceReadBps'), 'any', [{ Path: '/dev/vda', Rate: 1 }], noBlkio),
    row('partly', at('BlkioDeviceWriteBps'), 'any', [{ Path: '/dev/vda', Rate: 1 }], noBlkio),
    row('partly', at('BlkioDeviceReadIOps'), 'any', [{ Path: '/dev/vda', Rate: 1 }], noBlkio),
    row('partly', at('BlkioDeviceWriteIOps'), 'any', [{ Path: '/dev/vda', Rate: 1 }], noBlkio),
    row('refused', at('CgroupParent'), 'string', '/parent', { note: 'the cgroup is in the guest' }),
    row('refused', at('DeviceCgroupRules'), 'strings', ['c 1:3 r'], {
      note: 'a VM has no devices of the host',
    }),
    row('refused', at('DeviceRequests'), 'any', [{ Count: -1 }], { note: 'a VM has no devices of the host' }),
    row('refused', at('CpuCount'), 'int', 2, { note: 'Windows only' }),
    row('refused', at('CpuPercent'), 'int', 50, { note: 'Windows only' }),
    row('refused', at('IOMaximumIOps'), 'int', 1, { note: 'Windows only' }),
    row('refused', at('IOMaximumBandwidth'), 'int', 1, { note: 'Windows only' }),
  ];
};
