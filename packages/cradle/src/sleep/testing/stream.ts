import { pageBytes } from '../splitter.ts';

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
export const u64 = (value: number): Buffer =>
  Buffer.concat([u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32)]);
export const name = (text: string): Buffer => Buffer.from([text.length, ...Buffer.from(text)]);

export interface Page {
  readonly block: 'ram' | 'pc.bios';
  readonly page: number;
  /** 0 is a page of zeroes. */
  readonly fill: number;
}

export interface Parts {
  readonly stream: Buffer;
  readonly memory: Buffer;
  readonly state: Buffer;
}

export const head = Buffer.concat([
  ...[u32(0x5145564d), u32(3), Buffer.from([7]), u32(7), Buffer.from('microvm')],
  ...[Buffer.from([5]), name('configuration/capabilities'), u32(1), u32(1), name('x-ignore-shared')],
]);
export const start = Buffer.concat([Buffer.from([1]), u32(2), name('ram'), u32(0), u32(4)]);
export const blocks = (memoryBytes: number): Buffer =>
  Buffer.concat([
    u64(memoryBytes + 2 * pageBytes + 4),
    ...[name('ram'), u64(memoryBytes), u64(0)],
    ...[name('pc.bios'), u64(2 * pageBytes), u64(0xffff0000)],
  ]);
export const endOfRecords = u64(0x10);
export const footer = Buffer.concat([Buffer.from([0x7e]), u32(2)]);
/** What QEMU 10 says before the last section. */
export const switchover = Buffer.from([8, 0, 11, 0, 0]);
const part = (kind: 2 | 3): Buffer => Buffer.concat([Buffer.from([kind]), u32(2)]);

/** A stream as QEMU makes it: each list of pages in a section of its own, then the devices. */
export function streamOf(
  memoryBytes: number,
  sections: readonly (readonly Page[])[],
  devices: Buffer,
  { switches = false } = {},
): Parts {
  const stream: Buffer[] = [];
  const state: Buffer[] = [];
  const both = (...bytes: Buffer[]): void => {
    for (const list of [stream, state]) list.push(...bytes);
  };
  const memory = Buffer.alloc(memoryBytes);
  let last: string | undefined;
  both(head, start, blocks(memoryBytes), endOfRecords, footer);
  sections.forEach((pages, index) => {
    const isLast = index === sections.length - 1;
    if (isLast && switches) both(switchover);
    both(part(isLast ? 3 : 2));
    for (const { block, page, fill } of pages) {
      const same = block === last ? 0x20 : 0;
      last = block;
      const flags = same | (fill === 0 ? 2 : 8);
      const body = Buffer.alloc(fill === 0 ? 1 : pageBytes, fill);
      const record = [u64(page * pageBytes + flags), ...(same ? [] : [name(block)]), body];
      if (block === 'ram') {
        stream.push(...record);
        memory.fill(fill, page * pageBytes, (page + 1) * pageBytes);
      } else both(...record);
    }
    both(endOfRecords, footer);
  });
  both(devices);
  return { stream: Buffer.concat(stream), memory, state: Buffer.concat(state) };
}
