import { KraudError } from '@kraud/base';
import { checkFileTemplate } from '../workloads/placeholders.ts';
import type { FileDraft } from './contract.ts';

const pattern = /^[a-zA-Z0-9](?:[-_.a-zA-Z0-9]{0,62}[a-zA-Z0-9])?$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Swarm's rules for secrets and configs, and its words. */
export function checkFileDraft(
  word: 'secret' | 'config',
  { name, data, templated }: FileDraft,
  bytesLimit: number,
): void {
  if (name === '') throw new KraudError('invalid', 'name must be provided');
  if (!pattern.test(name)) {
    throw new KraudError(
      'invalid',
      'invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]',
    );
  }
  if (!base64.test(data)) throw new KraudError('invalid', `${word} data must be base64`);
  const bytes = Buffer.byteLength(data, 'base64');
  if (bytes < 1 || bytes >= bytesLimit) {
    throw new KraudError('invalid', `${word} data must be larger than 0 and less than ${bytesLimit} bytes`);
  }
  if (templated) checkFileTemplate(Buffer.from(data, 'base64').toString('latin1'));
}
