import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KraudError } from '@kraud/base';
import { execFailure } from './exec-failure.ts';

const oci = 'OCI runtime exec failed: exec failed: unable to start container process: ';

for (const [text, exitCode, message] of [
  [
    'exec: "nosuch": executable file not found in $PATH',
    127,
    `${oci}exec: "nosuch": executable file not found in $PATH: unknown`,
  ],
  [
    'exec: "/x": stat /x: no such file or directory',
    127,
    `${oci}exec: "/x": stat /x: no such file or directory: unknown`,
  ],
  ['exec: "/etc": permission denied', 126, `${oci}exec: "/etc": permission denied: unknown`],
  [
    'chdir to cwd /nodir: no such file or directory',
    127,
    `${oci}chdir to cwd ("/nodir") set in config.json failed: no such file or directory: unknown`,
  ],
  [
    'unable to find user x: no matching entries in passwd file',
    126,
    'unable to find user x: no matching entries in passwd file',
  ],
] as const) {
  test(`${text} counts as ${exitCode}`, () => {
    const failure = execFailure(new KraudError('not-found', text));
    assert.equal(failure.exitCode, exitCode);
    assert.equal(failure.message, message);
    assert.equal(failure.code, 'invalid');
  });
}

test('a guest that is gone is told in its own words', () => {
  assert.equal(execFailure(new KraudError('unavailable', 'the VM is gone')).message, 'the VM is gone');
});
