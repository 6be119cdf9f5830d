import type { Metrics } from './store.ts';

const rows: [metric: string, name: string][] = [
  ['write1_ms', 'durable write, one writer, ms p50 / p99'],
  ['write1_per_s', 'durable writes a second, one writer'],
  ['write64_ms', 'durable write, 64 writers, ms p50 / p99'],
  ['write64_per_s', 'durable writes a second, 64 writers'],
  ['read_ms', 'read, one reader, ms p50 / p99'],
  ['read_per_s', 'reads a second, one reader'],
  ['read64_per_s', 'reads a second, 64 readers'],
  ['fanout_ms', 'a write until 100 watchers have it, ms p50 / p99'],
];

/** A Markdown table, so that it can be pasted into the results. */
export function printTable(n: number, metrics: Metrics): void {
  console.log(
    `n = ${n}\n\n| what | LMDB | etcd | bare etcd client | etcd of bare |\n| --- | ---: | ---: | ---: | ---: |`,
  );
  for (const [metric, name] of rows) {
    const cell = (engine: string): string => {
      const value = metrics[`${engine}_${metric}`];
      return typeof value === 'object' ? `${value.p50} / ${value.p99}` : String(value ?? '');
    };
    const ratio = metrics[`etcd_${metric.replace('_per_s', '')}_of_bare`] ?? '';
    const shown = metric.endsWith('_per_s') ? ratio : '';
    console.log(`| ${name} | ${cell('lmdb')} | ${cell('etcd')} | ${cell('bare')} | ${shown} |`);
  }
}
