import type { TestEvent } from 'node:test/reporters';

/** A reporter for node's test runner: writes the final counts as JSON, nothing else. */
export default async function* counts(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    // The runner also gives a summary for each file; the one without a file is the whole run's.
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue;
    const { passed, cancelled, skipped, todo, tests } = event.data.counts;
    const failed = tests - passed - skipped - todo;
    yield `${JSON.stringify({ passed, failed: Math.max(failed, cancelled), skipped: skipped + todo })}\n`;
  }
}
