import { KraudError } from '@kraud/base';
import type { FileDraft } from '@kraud/cloud';
import { type BodyRow, row } from '../body/rows.ts';
import type { Call } from '../call.ts';

/** `SecretSpec` and `ConfigSpec`. */
export const specRows: readonly BodyRow[] = [
  row('yes', 'Name', 'string', 'key'),
  row('yes', 'Labels', 'labels', { a: 'b' }),
  row('yes', 'Data', 'string', 'c2VjcmV0'),
  row('refused', 'Driver.Name', 'string', 'vault', { note: 'the store keeps them' }),
  row('refused', 'Driver.Options', 'labels', { a: 'b' }, { note: 'the store keeps them' }),
  row('yes', 'Templating.Name', 'string', 'golang', {
    note: 'golang: .Service, .Task, .Node, env, secret and config; filled in when a task starts',
  }),
  row('refused', 'Templating.Options', 'labels', { a: 'b' }),
];

/** The spec in a request's body, in the cloud's words. */
export async function specOf(call: Call): Promise<FileDraft> {
  const { body: checked } = await call.body('refuse');
  const body = checked as {
    Name?: string;
    Labels?: Record<string, string>;
    Data?: string;
    Templating?: { Name?: string };
  };
  const templating = body.Templating?.Name ?? '';
  if (templating !== '' && templating !== 'golang') {
    throw new KraudError('unsupported', `Templating.Name=${templating} is not supported: there is golang`);
  }
  return {
    name: body.Name ?? '',
    labels: body.Labels ?? {},
    data: body.Data ?? '',
    templated: templating === 'golang',
    given: {},
  };
}
