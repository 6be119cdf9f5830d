import type { LedgerEntry, Pod } from '../model/index.ts';

/** A start that took longer is worth a word. */
const slowMs = 1000;

const phases: Readonly<Record<LedgerEntry['phase'], string>> = {
  api: 'from the request until a host was found for it and saw it',
  knock: 'from the first who needed it until its host began to wake it',
  place: 'until its host took it up: image and disks are prepared then',
  slot: 'waiting for a VM; with no warm one ready, one is made',
  network: 'for addresses and ports',
  disks: 'attaching its disks',
  guest: 'in the VM, until the container was set up',
  exec: 'starting the program',
  output: 'in the program, until it wrote something',
};

/** Where the time of a slow start went; undefined when it wasn't slow. */
export function slowStart(pod: Pod): string | undefined {
  const ledger = (pod.status.ledger ?? []).filter(({ phase }) => phase !== 'output');
  const totalMs = Math.max(0, ...ledger.map(({ endMs }) => endMs));
  if (totalMs < slowMs) return undefined;
  const [longest] = [...ledger].sort((a, b) => b.endMs - b.startMs - (a.endMs - a.startMs));
  if (!longest) return undefined;
  const took = seconds(longest.endMs - longest.startMs);
  const what = ledger.some(({ phase }) => phase === 'knock') ? 'wake' : 'start';
  return `its last ${what} took ${seconds(totalMs)}, ${took} of it ${phases[longest.phase]} (${longest.phase})`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
