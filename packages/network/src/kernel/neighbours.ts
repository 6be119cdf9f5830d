/** What somebody sends something to, and the device that it leads out of. */
export interface Neighbour {
  readonly address: string;
  readonly device: string;
}

const address = String.raw`(\d{1,3}(?:\.\d{1,3}){3})`;
const device = 'dev ([A-Za-z0-9_.-]{1,15})';
const missed = new RegExp(`^miss ${address} ${device} +INCOMPLETE *$`);
const waiting = new RegExp(`^${address} ${device} +INCOMPLETE *$`);
const lladdr = 'lladdr ([0-9a-f]{2}(?::[0-9a-f]{2}){5})';
const noted = new RegExp(`^${address} ${device} ${lladdr} PERMANENT *$`);
const learned = new RegExp(`^${address} ${device} ${lladdr} (?:REACHABLE|STALE|DELAY|PROBE) *$`);

/**
 * A line of `ip monitor neigh`, by which the kernel asks who has an address:
 * `miss 10.9.0.5 dev tap0 INCOMPLETE`.
 */
export function missedIn(line: string): Neighbour | undefined {
  return neighbour(missed.exec(line));
}

/** A line of `ip neigh show`, about an address that packets wait for: `10.9.0.5 dev tap0 INCOMPLETE`. */
export function waitingIn(line: string): Neighbour | undefined {
  return neighbour(waiting.exec(line));
}

/** A line of `ip monitor neigh`, about a neighbour that was noted by hand; answers its hardware's address. */
export function notedIn(line: string): string | undefined {
  return noted.exec(line)?.[3];
}

/** A line of either, about one that has told where it is: `10.9.0.5 dev tap0 lladdr 02:00:00:00:00:05 REACHABLE`. */
export function learnedIn(line: string): Neighbour | undefined {
  return neighbour(learned.exec(line));
}

function neighbour(match: RegExpExecArray | null): Neighbour | undefined {
  const [, at = '', name = ''] = match ?? [];
  return match ? { address: at, device: name } : undefined;
}
