import { assert, KraudError } from '@kraud/base';
import type { VolumeKey } from './contract.ts';

const bytesMax = 200;

/** Refuses, in Docker's words, what Docker refuses as a volume's name. What passes is a safe file name. */
export function checkName(name: string): void {
  if (name.length < 2) {
    throw new KraudError(
      'invalid',
      'volume name is too short, names should be at least two alphanumeric characters',
    );
  }
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    throw new KraudError(
      'invalid',
      `"${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  if (name.length > bytesMax) {
    throw new KraudError('invalid', `volume name is too long: at most ${bytesMax} characters`);
  }
}

/** One word for a volume, for locks and maps. */
export function keyText(key: VolumeKey): string {
  assert(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(key.tenant), `bad tenant '${key.tenant}'`);
  return `${key.tenant}/${key.name}`;
}
