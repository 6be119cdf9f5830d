import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkloadDraft } from './contract.ts';
import { checkPlaceholders } from './placeholders.ts';

/** Only what is looked at. */
function draft(text: string, labels: Record<string, string> = {}): WorkloadDraft {
  return { labels, pod: { hostname: text, container: {} } } as unknown as WorkloadDraft;
}

for (const text of [
  'plain',
  '{{.Service.Name}}-{{.Task.Slot}}',
  '{{ .Node.Hostname }}',
  '{{.Node.Platform.OS}}',
]) {
  test(`${text} can be filled in`, () => checkPlaceholders(draft(text)));
}

for (const text of ['{{.Task.Secret}}', '{{range .Task}}', '{{.Node}}', '{{env "X"}}']) {
  test(`${text} is refused by name`, () => {
    assert.throws(
      () => checkPlaceholders(draft(text)),
      (error: Error) => error.message.includes(text),
    );
  });
}

test('labels must be there', () => {
  checkPlaceholders(draft('{{.Service.Labels.zone}}', { zone: 'a' }));
  checkPlaceholders(draft('{{index .Service.Labels "com.x"}}', { 'com.x': 'a' }));
  assert.throws(() => checkPlaceholders(draft('{{.Service.Labels.zone}}')), /label/);
  assert.throws(() => checkPlaceholders(draft('{{index .Service.Labels "com.x"}}')), /label/);
});
