import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Answer, parseQuestion, replyTo, types } from './message.ts';

/** A plain question, as resolvers send it. */
const questionFor = (name: string, type: number): Buffer => {
  const labels = name
    .split('.')
    .flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')]);
  const tail = Buffer.from([0, type >> 8, type & 255, 0, 1]);
  return Buffer.concat([Buffer.from([1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, tail]);
};

const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,63}$/);
const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
const answer = fc.record<Answer>({
  code: fc.constantFrom('ok', 'failed'),
  data: fc.array(
    fc.ipV4().map((ipv4) => ({ ipv4 })),
    { maxLength: 60 },
  ),
});

test('a question is read as it was asked, whatever its case', () => {
  fc.assert(
    fc.property(name, fc.constantFrom(...Object.values(types)), (asked, type) => {
      const message = questionFor(asked, type);
      fc.pre(message.length <= 12 + 255);
      assert.deepEqual(parseQuestion(message), { name: asked.toLowerCase(), type, end: message.length });
    }),
  );
});

test('no bytes make it fail, and a reply is never longer than asked for, nor claims what isn’t in it', () => {
  const broken = fc
    .tuple(name, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(300))
    .map(([asked, changes, length]) => {
      const message = questionFor(asked, 1);
      for (const [at, byte] of changes) message[at % message.length] = byte;
      return message.subarray(0, length);
    });
  const noise = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.oneof(broken, noise), answer, (message, known) => {
      const question = parseQuestion(message);
      if (!question) return;
      assert.ok(question.end <= message.length && question.name.length <= 255);
      const reply = replyTo(message, question, known, { ttlS: 5, bytesMax: 512 });
      assert.ok(reply.length <= Math.max(512, question.end));
      assert.equal(reply.length, question.end + 16 * reply.readUInt16BE(6));
      const isCut = (reply.readUInt16BE(2) & 0x0200) !== 0;
      assert.equal(isCut, reply.readUInt16BE(6) < known.data.length);
      assert.deepEqual(reply.subarray(12, question.end), message.subarray(12, question.end));
    }),
    { numRuns: 3000 },
  );
});
