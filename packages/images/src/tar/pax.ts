import { KraudError } from '@kraud/base';

/** PAX records by key; keys are latin1, values raw bytes. An empty value takes a record away. */
export type PaxRecords = Map<string, Buffer>;

/** The one key that repeats: GNU sparse 0.0 writes an (offset, numbytes) pair for each stretch. */
export const sparsePairsKey = 'kraud.sparse.pairs';

/**
 * Reads `LENGTH KEY=VALUE\n` records.
 *
 * | bytes                         | record                            |
 * | ----------------------------- | --------------------------------- |
 * | `12 path=abc\n`               | path = abc                        |
 * | `30 mtime=1350244992.023960108\n` | mtime = 1350244992.023960108  |
 */
export function parsePax(data: Buffer): PaxRecords {
  const records: PaxRecords = new Map();
  const pairs: string[] = [];
  for (let start = 0; start < data.length; ) {
    const space = data.indexOf(0x20, start);
    const digits = space < 0 ? '' : data.toString('latin1', start, space);
    const end = start + Number(digits);
    if (!/^[1-9]\d{0,7}$/.test(digits) || end > data.length || end <= space + 1 || data[end - 1] !== 0x0a)
      throw bad();
    const equals = data.indexOf(0x3d, space + 1);
    if (equals < 0 || equals >= end || equals === space + 1) throw bad();
    const key = data.toString('latin1', space + 1, equals);
    const value = data.subarray(equals + 1, end - 1);
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') pairs.push(value.toString('latin1'));
    else records.set(key, value);
    start = end;
  }
  if (pairs.length > 0) records.set(sparsePairsKey, Buffer.from(pairs.join(',')));
  return records;
}

export function paxText(records: PaxRecords, key: string): string | undefined {
  const value = records.get(key);
  if (value === undefined || value.length === 0) return undefined;
  if (value.includes(0))
    throw new KraudError('corrupt', `invalid tar header: PAX ${key} contains a NUL byte`);
  return value.toString('latin1');
}

/** A whole number that can't be negative. */
export function paxNumber(records: PaxRecords, key: string): number | undefined {
  const text = paxText(records, key);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value))
    throw new KraudError('corrupt', `invalid tar header: PAX ${key} is not a number`);
  return value;
}

/** Seconds with a fraction, perhaps negative: `-1.25` is 2 seconds before 1970 and 750,000,000 ns on. */
export function paxTime(records: PaxRecords, key: string): { sec: number; nsec: number } | undefined {
  const text = paxText(records, key);
  if (text === undefined) return undefined;
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (!match) throw new KraudError('corrupt', `invalid tar header: PAX ${key} is not a time`);
  const sec = Number(match[2]);
  const nsec = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return { sec, nsec };
  return nsec === 0 ? { sec: sec === 0 ? 0 : -sec, nsec } : { sec: -sec - 1, nsec: 1_000_000_000 - nsec };
}

function bad(): KraudError {
  return new KraudError('corrupt', 'invalid tar header: malformed PAX record');
}
