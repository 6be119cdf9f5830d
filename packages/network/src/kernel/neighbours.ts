/** What somebody sends something to, and the device that it leads out of, where nobody has answered yet. */
export interface Unanswered {
  readonly address: string;
  readonly device: string;
}

const address = String.raw`(\d{1,3}(?:\.\d{1,3}){3})`;
const device = 'dev ([A-Za-z0-9_.-]{1,15})';
const missed = new RegExp(`^miss ${address} ${device} +INCOMPLETE *$`);
const waiting = new RegExp(`^${address} ${device} +INCOMPLETE *$`);
const noted = new RegExp(`^${address} ${device} lladdr ([0-9a-f]{2}(?::[0-9a-f]{2}){5}) PERMANENT *$`);

/**
 * A line of `ip monitor neigh`, by which the kernel asks who has an address:
 * `miss 10.9.0.5 dev tap0 INCOMPLETE`.
 */
export function missedIn(line: string): Unanswered | undefined {
  return unanswered(missed.exec(line));
}

/** A line of `ip neigh show`, about an address that packets wait for: `10.9.0.5 dev tap0 INCOMPLETE`. */
export function waitingIn(line: string): Unanswered | undefined {
  return unanswered(waiting.exec(line));
}

/** A line of `ip monitor neigh`, about a neighbour that was noted by hand; answers its hardware's address. */
export function notedIn(line: string): string | undefined {
  return noted.exec(line)?.[3];
}

function unanswered(match: RegExpExecArray | null): Unanswered | undefined {
  const [, at = '', name = ''] = match ?? [];
  return match ? { address: at, device: name } : undefined;
}
