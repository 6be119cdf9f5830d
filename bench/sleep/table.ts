import type { Summary } from '../samples.ts';

type Metrics = Readonly<Record<string, Summary | number>>;

const peer = 'docker_start_first_byte_ms';
const slowPeer = 'docker_start_slow_first_byte_ms';

/** What each is, and what it is a part of. */
const rows: Record<string, readonly [string, string?]> = {
  wake_first_byte_ms: ['request to a sleeping pod, to first byte', peer],
  slow_wake_first_byte_ms: ['the same, an app that takes 2 s to listen', slowPeer],
  awake_first_byte_ms: ['request to a pod that is awake', peer],
  cold_first_byte_ms: ['`docker start` here, warm slot, to first byte', peer],
  [peer]: ['peer: `docker start` by dockerd, to first byte', peer],
  [slowPeer]: ['peer: the same, an app that takes 2 s to listen', slowPeer],
  sleep_ms: ['`kra sleep` of 128 MiB'],
  disk_mib: ['a sleeper takes on disk, MiB'],
};

const costs: Record<string, string> = {
  processes: 'processes',
  pss_mib: 'memory, MiB PSS',
  cpu_s_in_30_s: 'CPU in 30 s, s',
};

/** Markdown tables, so that they can be pasted into the results. */
export function printTable(result: { accel: string; n: number; metrics: Metrics }): void {
  const { accel, n, metrics } = result;
  console.log(`accelerator ${accel}, n = ${n}\n`);
  if (n > 0) printWakes(metrics);
  if (metrics.sleepers !== undefined) printCosts(metrics);
}

function printWakes(metrics: Metrics): void {
  console.log('| what | p50 | p99 | of the peer that starts the same app |');
  console.log('| --- | ---: | ---: | ---: |');
  for (const [metric, [name, to = '']] of Object.entries(rows)) {
    const [value, whole] = [metrics[metric], metrics[to]];
    if (typeof value !== 'object') continue;
    const ratio = typeof whole === 'object' ? (value.p50 / whole.p50).toFixed(2) : '';
    console.log(`| ${name} | ${value.p50} | ${value.p99} | ${ratio} |`);
  }
  console.log('\n| phase of a wake, ms | p50 | p99 | slow app, p50 | p99 |');
  console.log('| --- | ---: | ---: | ---: | ---: |');
  for (const phase of ['knock', 'slot', 'disks', 'guest', 'network']) {
    const cells = ['wake_first_byte_ms', 'slow_wake_first_byte_ms'].flatMap((metric) => {
      const value = metrics[`${metric}/${phase}`];
      return typeof value === 'object' ? [String(value.p50), String(value.p99)] : ['', ''];
    });
    console.log(`| ${phase} | ${cells.join(' | ')} |`);
  }
}

function printCosts(metrics: Metrics): void {
  console.log(`\n| the daemon with all that belongs to it | no pods | ${metrics.sleepers} that sleep |`);
  console.log('| --- | ---: | ---: |');
  for (const [metric, name] of Object.entries(costs))
    console.log(`| ${name} | ${metrics[`${metric}_without`]} | ${metrics[`${metric}_with`]} |`);
}
