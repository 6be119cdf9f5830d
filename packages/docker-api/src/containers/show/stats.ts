import { MiB } from '@kraud/base';
import type { Pod, StatsSample } from '@kraud/cloud';
import { zeroTime } from '../../times.ts';

/**
 * One document of `stats`. Clients compute CPU % as
 * `(cpu.total - precpu.total) / (cpu.system - precpu.system) * online_cpus * 100`.
 */
export function statsBody(pod: Pod, now: StatsSample | undefined, before: StatsSample | undefined): object {
  return {
    id: pod.meta.uid,
    name: `/${pod.meta.name}`,
    os_type: 'linux',
    read: now ? new Date(now.readAtMs).toISOString() : zeroTime,
    preread: before ? new Date(before.readAtMs).toISOString() : zeroTime,
    num_procs: 0,
    storage_stats: {},
    pids_stats: now ? { current: now.pids, ...(now.pidsMax > 0 ? { limit: now.pidsMax } : {}) } : {},
    cpu_stats: cpuOf(now),
    precpu_stats: cpuOf(before),
    memory_stats: now
      ? {
          usage: now.memoryBytes,
          limit: now.memoryMaxBytes || pod.spec.memoryMiB * MiB,
          stats: now.memoryStats,
        }
      : {},
    blkio_stats: blkioOf(now),
    ...(now && now.network.length > 0 ? { networks: networksOf(now) } : {}),
  };
}

function cpuOf(sample: StatsSample | undefined): object {
  if (!sample) {
    return {
      cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
      throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
    };
  }
  return {
    cpu_usage: {
      total_usage: sample.cpuNs,
      usage_in_kernelmode: sample.cpuSystemNs,
      usage_in_usermode: sample.cpuUserNs,
    },
    system_cpu_usage: sample.systemCpuNs,
    online_cpus: sample.onlineCpus,
    throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
  };
}

function blkioOf(sample: StatsSample | undefined): object {
  const entry = (op: string, value: number): object => ({ major: 254, minor: 0, op, value });
  return {
    io_service_bytes_recursive: sample
      ? [entry('read', sample.block.readBytes), entry('write', sample.block.writeBytes)]
      : null,
    io_serviced_recursive: sample
      ? [entry('read', sample.block.readOps), entry('write', sample.block.writeOps)]
      : null,
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  };
}

function networksOf(sample: StatsSample): Record<string, object> {
  return Object.fromEntries(
    sample.network.map((n) => [
      n.name,
      {
        rx_bytes: n.rxBytes,
        rx_packets: n.rxPackets,
        rx_errors: n.rxErrors,
        rx_dropped: n.rxDropped,
        tx_bytes: n.txBytes,
        tx_packets: n.txPackets,
        tx_errors: n.txErrors,
        tx_dropped: n.txDropped,
      },
    ]),
  );
}
