/** Writes for ever and says what was acknowledged, until it is killed: `node kill-writer.ts DIR ROUND`. */
import { writeSync } from 'node:fs';
import { openLmdbStore } from './open.ts';

const [path = '', round = ''] = process.argv.slice(2);
const store = openLmdbStore(path);

async function write(lane: number): Promise<void> {
  for (let n = 0; ; n += 1) {
    const { revision } = await store.txn({
      success: [
        { op: 'put', key: `/lane/${lane}`, value: `${round}.${n}` },
        { op: 'put', key: `/acked/${round}/${lane}/${n}`, value: 'x'.repeat(n % 3000) },
      ],
    });
    // A write to the pipe that returned is seen by the parent, whatever happens to us next.
    writeSync(1, `${lane} ${n} ${revision}\n`);
    if (n % 50 === 49 && lane === 0) await store.compact(revision - 20);
  }
}

await Promise.all(Array.from({ length: 64 }, (_, lane) => write(lane)));
