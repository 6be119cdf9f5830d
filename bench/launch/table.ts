import type { Summary } from '../samples.ts';

const names: Record<string, string> = {
  run_warm_ms: 'docker run --rm, warm slot',
  run_cold_ms: 'docker run --rm, no warm slot',
  run_bare_ms: 'docker run --rm, neither slot nor mould',
  claim_ms: 'claim of a warm slot to first output',
  exec_ms: 'docker exec true',
  dockerd_run_ms: 'peer: dockerd + runc',
  podman_run_ms: 'peer: podman, no network',
  runsc_run_ms: 'peer: gVisor runsc alone',
  idle_pss_mib: 'an idle pod adds, MiB PSS',
  starts_per_s: 'pods started one after another, per s',
  herd20_ms: '20 starts at once, ms',
};

/** A Markdown table, so that it can be pasted into the results. Beside a peer stands what our own starts take of its p50. */
export function printTable(result: {
  accel: string;
  n: number;
  metrics: Record<string, Summary | number>;
}): void {
  const { accel, n, metrics } = result;
  const p50 = (metric: string): number => {
    const value = metrics[metric];
    return typeof value === 'object' ? value.p50 : Number.NaN;
  };
  const ratio = (of: number, to: number): string => (Number.isNaN(of / to) ? '' : (of / to).toFixed(2));
  console.log(`accelerator ${accel}, n = ${n}\n`);
  console.log('| what | p50 | p99 | of dockerd | our warm start of it | our cold start of it |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
  for (const [metric, name] of Object.entries(names)) {
    const value = metrics[metric];
    if (value === undefined) continue;
    if (typeof value === 'number') {
      console.log(`| ${name} | ${value} | | | | |`);
      continue;
    }
    const ours = ['run_warm_ms', 'run_cold_ms'].map((own) =>
      name.startsWith('peer: ') ? ratio(p50(own), value.p50) : '',
    );
    const cells = [value.p50, value.p99, ratio(value.p50, p50('dockerd_run_ms')), ...ours];
    console.log(`| ${name} | ${cells.join(' | ')} |`);
  }
}
