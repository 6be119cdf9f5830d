import type { TestEvent } from 'node:test/reporters';

/** A reporter for node's test runner: writes the final counts and the failures of each file, as JSON, nothing else. */
export default async function* counts(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failedFiles = new Map<string, number>();
  for await (const event of source) {
    if (event.type === 'test:fail' && event.data.file !== undefined && isTest(event.data))
      failedFiles.set(event.data.file, (failedFiles.get(event.data.file) ?? 0) + 1);
    // The runner also gives a summary for each file; the one without a file is the whole run's.
    if (event.type !== 'test:summary' || event.data.file !== undefined) continue;
    const { passed, cancelled, skipped, todo, tests } = event.data.counts;
    const failed = tests - passed - skipped - todo;
    const total = { passed, failed: Math.max(failed, cancelled), skipped: skipped + todo };
    yield `${JSON.stringify({ ...total, failedFiles: Object.fromEntries(failedFiles) })}\n`;
  }
}

/** Not a suite, which fails with any of its tests, and not one that is allowed to. */
function isTest(data: { details: { type?: string }; todo?: string | boolean }): boolean {
  return data.details.type !== 'suite' && data.todo === undefined;
}
