/**
 * Packets that each device of a namespace has carried, in both directions, from the text of `/proc/PID/net/dev`: two lines of
 * heads, then `name: bytes packets` and six more about what came, eight about what went, bytes and packets first.
 */
export function packetsIn(text: string): Map<string, number> {
  const rows = text.split('\n').flatMap((line) => {
    const [, name, numbers] = /^ *([^\s:]+):((?: +\d+){16}) *$/.exec(line) ?? [];
    if (name === undefined || numbers === undefined) return [];
    const [, came, , , , , , , , went] = numbers.trim().split(/ +/).map(Number);
    return [[name, (came ?? 0) + (went ?? 0)] as const];
  });
  return new Map(rows);
}
