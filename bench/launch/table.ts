import type { Summary } from '../samples.ts';

const names: Record<string, string> = {
  run_warm_ms: 'docker run --rm, warm slot',
  run_cold_ms: 'docker run --rm, no warm slot',
  claim_ms: 'claim of a warm slot to first output',
  exec_ms: 'docker exec true',
  dockerd_run_ms: 'peer: dockerd + runc',
  podman_run_ms: 'peer: podman, no network',
  runsc_run_ms: 'peer: gVisor runsc alone',
  idle_pss_mib: 'an idle pod adds, MiB PSS',
  starts_per_s: 'pods started one after another, per s',
  herd20_ms: '20 starts at once, ms',
};

/** A Markdown table, so that it can be pasted into the results. */
export function printTable(result: {
  accel: string;
  n: number;
  metrics: Record<string, Summary | number>;
}): void {
  const dockerd = result.metrics.dockerd_run_ms;
  console.log(`accelerator ${result.accel}, n = ${result.n}\n`);
  console.log('| what | p50 | p99 | of dockerd |\n| --- | ---: | ---: | ---: |');
  for (const [metric, name] of Object.entries(names)) {
    const value = result.metrics[metric];
    if (value === undefined) continue;
    if (typeof value === 'number') {
      console.log(`| ${name} | ${value} | | |`);
      continue;
    }
    const ratio = typeof dockerd === 'object' ? (value.p50 / dockerd.p50).toFixed(2) : '';
    console.log(`| ${name} | ${value.p50} | ${value.p99} | ${ratio} |`);
  }
}
