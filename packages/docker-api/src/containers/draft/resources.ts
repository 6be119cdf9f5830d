import { KraudError } from '@kraud/base';
import type { Resources } from '@kraud/cloud';
import type { HostBody, ResourceBody } from './body.ts';

const nanoPerCpu = 1e9;

export function resourcesOf(body: ResourceBody & { OomScoreAdj?: number }): Resources {
  for (const name of [
    'Memory',
    'MemoryReservation',
    'CpuQuota',
    'CpuPeriod',
    'CpuShares',
    'NanoCpus',
  ] as const) {
    const value = body[name] ?? 0;
    if (value < 0 && !(name === 'CpuQuota' && value === -1)) {
      throw new KraudError('invalid', `invalid ${name}: ${value} is negative`);
    }
  }
  if (body.NanoCpus && (body.CpuQuota || body.CpuPeriod)) {
    throw new KraudError('invalid', 'Conflicting options: Nano CPUs and CPU Period/Quota cannot both be set');
  }
  if (body.CpuPeriod && (body.CpuPeriod < 1000 || body.CpuPeriod > 1_000_000)) {
    throw new KraudError(
      'invalid',
      'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)',
    );
  }
  if (body.CpuQuota && body.CpuQuota > 0 && body.CpuQuota < 1000) {
    throw new KraudError('invalid', 'CPU cfs quota can not be less than 1ms (i.e. 1000)');
  }
  if (body.CpusetCpus && !/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(body.CpusetCpus)) {
    throw new KraudError('invalid', `Invalid value ${body.CpusetCpus} for cpuset cpus`);
  }
  if ((body.MemorySwap ?? 0) < -1) throw new KraudError('invalid', `invalid MemorySwap: ${body.MemorySwap}`);
  const score = body.OomScoreAdj ?? 0;
  if (score < -1000 || score > 1000) {
    throw new KraudError('invalid', `Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  }
  return {
    ...(body.Memory ? { memoryBytes: body.Memory } : {}),
    ...(body.MemorySwap ? { memorySwapBytes: body.MemorySwap } : {}),
    ...(body.MemoryReservation ? { memoryReservationBytes: body.MemoryReservation } : {}),
    ...quotaOf(body),
    ...(body.CpuShares ? { cpuShares: body.CpuShares } : {}),
    ...(body.CpusetCpus ? { cpuset: body.CpusetCpus } : {}),
    ...((body.PidsLimit ?? 0) > 0 ? { pidsMax: body.PidsLimit ?? 0 } : {}),
    ...(body.OomScoreAdj ? { oomScoreAdj: body.OomScoreAdj } : {}),
    ...(body.OomKillDisable ? { oomKillDisable: true } : {}),
  };
}

/** The kernel's own; that it is written down tells a quota from `--cpus`. */
export const periodUs = 100_000;
/** The kernel's least, whatever was asked for. */
const quotaUsMin = 1000;

/** The time that so many CPUs are in a period. */
export const quotaUsOf = (cpus: number): number => Math.max(quotaUsMin, Math.round(cpus * periodUs));

function quotaOf(body: ResourceBody): Resources {
  if (body.NanoCpus) {
    return { cpuQuotaUs: quotaUsOf(body.NanoCpus / nanoPerCpu) };
  }
  return {
    ...(body.CpuQuota ? { cpuQuotaUs: body.CpuQuota, cpuPeriodUs: periodUs } : {}),
    ...(body.CpuPeriod ? { cpuPeriodUs: body.CpuPeriod } : {}),
  };
}

/** `--cpus`: what the VM may use in all. */
export function cpusOf(body: ResourceBody): number | undefined {
  return body.NanoCpus ? body.NanoCpus / nanoPerCpu : undefined;
}

const limitNames = new Set(
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  ),
);

export function rlimitsOf(
  ulimits: NonNullable<HostBody['Ulimits']>,
): { name: string; soft: number; hard: number }[] {
  return ulimits.map(({ Name: name = '', Soft: soft = 0, Hard: hard = 0 }) => {
    if (!limitNames.has(name)) throw new KraudError('invalid', `invalid ulimit type: ${name}`);
    const infinite = (value: number): number => (value < 0 ? -1 : value);
    if (hard >= 0 && (soft > hard || soft < 0)) {
      throw new KraudError(
        'invalid',
        `ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`,
      );
    }
    return { name, soft: infinite(soft), hard: infinite(hard) };
  });
}
