/** As much of DNS (RFC 1035) as answering for pods takes. */

export const types = { a: 1, ptr: 12, aaaa: 28 } as const;
const classIn = 1;
const headerBytes = 12;
const nameBytesMax = 255;
/** Pointer to the name in the question, which stands right after the header. */
const questionName = 0xc00c;

export interface Question {
  /** In lower case, without the last dot. */
  readonly name: string;
  readonly type: number;
  /** Where the question ends in the message. */
  readonly end: number;
}

/** The one question of a plain query about the internet; undefined for everything else. */
export function parseQuestion(message: Buffer): Question | undefined {
  if (message.length < headerBytes) return undefined;
  const flags = message.readUInt16BE(2);
  // An answer, or an opcode that isn't QUERY.
  if ((flags & 0xf800) !== 0 || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = headerBytes;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || at - headerBytes > nameBytesMax) return undefined;
    at += 1;
    if (length === 0) break;
    const label = message.subarray(at, at + length).toString('latin1');
    // A dot inside a label would read as two.
    if (label.length !== length || label.includes('.')) return undefined;
    labels.push(label.toLowerCase());
    at += length;
  }
  if (at + 4 > message.length || message.readUInt16BE(at + 2) !== classIn) return undefined;
  return { name: labels.join('.'), type: message.readUInt16BE(at), end: at + 4 };
}

export type AnswerData = { readonly ipv4: string } | { readonly name: string };

export interface Answer {
  readonly code: 'ok' | 'failed';
  readonly data: readonly AnswerData[];
}

/** The reply to this message. What doesn't fit in `bytesMax` is left out and marked so: the asker comes again by TCP. */
export function replyTo(
  message: Buffer,
  question: Question,
  answer: Answer,
  options: { readonly ttlS: number; readonly bytesMax: number },
): Buffer {
  const parts: Buffer[] = [];
  let room = options.bytesMax - question.end;
  for (const data of answer.data) {
    const bytes = record(data, options.ttlS);
    room -= bytes.length;
    if (room < 0) break;
    parts.push(bytes);
  }
  const head = Buffer.alloc(headerBytes);
  message.copy(head, 0, 0, 2);
  const recursionDesired = message.readUInt16BE(2) & 0x0100;
  const truncated = parts.length < answer.data.length ? 0x0200 : 0;
  head.writeUInt16BE(0x8080 | recursionDesired | truncated | (answer.code === 'ok' ? 0 : 2), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(parts.length, 6);
  return Buffer.concat([head, message.subarray(headerBytes, question.end), ...parts]);
}

function record(data: AnswerData, ttlS: number): Buffer {
  const value = 'ipv4' in data ? Buffer.from(data.ipv4.split('.').map(Number)) : encodeName(data.name);
  const head = Buffer.alloc(headerBytes);
  head.writeUInt16BE(questionName, 0);
  head.writeUInt16BE('ipv4' in data ? types.a : types.ptr, 2);
  head.writeUInt16BE(classIn, 4);
  head.writeUInt32BE(ttlS, 6);
  head.writeUInt16BE(value.length, 10);
  return Buffer.concat([head, value]);
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(label.slice(0, 63), 'latin1'));
  return Buffer.concat([...labels.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.alloc(1)]);
}
