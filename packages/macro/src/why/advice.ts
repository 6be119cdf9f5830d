import type { Rule } from '../scheduler/index.ts';

/** What would help against each rule, in the words of who operates the cloud. */
export const advice: Readonly<Record<Rule, string>> = {
  ready: 'bring a host back; `kra host ls` shows which are not ready',
  cordoned: 'let a host take pods again: `kra host uncordon HOST`',
  drained: 'end a drain: `kra host uncordon HOST`',
  constraint: 'label a host (`kra host label HOST KEY=VALUE`), add one, or ask for less',
  taint: 'let it tolerate the taint, or take the taint away',
  volume: 'its volume is on one host only: make room there',
  memory: 'stop something, add a host, or let it request less memory',
  cpus: 'stop something, add a host, or let it request fewer CPUs',
  port: 'another pod has the port: stop that, or publish another port',
  generic: 'stop something that has it, or say that a host has more: `kra host label HOST kr.generic.KIND=N`',
  'per-host': 'add a host, or allow more replicas on each',
  near: 'make room near the pods that it belongs to',
  far: 'add a host elsewhere, or let its pods be closer together',
  spread: 'make room where there are the fewest of its kind, or allow more unevenness',
};

/** Rules that don't change with what runs: waiting doesn't help. */
export const lasting: ReadonlySet<Rule> = new Set(['constraint', 'taint']);
