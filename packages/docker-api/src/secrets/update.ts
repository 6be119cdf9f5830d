import { KraudError } from '@kraud/base';
import { type Operation, yes } from '../operation.ts';
import { outOfSequence } from '../swarm/sequence.ts';
import type { Source } from './source.ts';
import { specOf, specRows } from './spec.ts';

/** Labels only: what is in a secret or config never changes, so that a pod can't read two versions of it. */
export const updateOf = (source: Source): Operation => ({
  method: 'POST',
  path: `${source.path}/:id/update`,
  params: { version: yes('number') },
  body: specRows,
  async run(cloud, call) {
    const version = call.query.number('version');
    if (version === undefined) {
      throw new KraudError('invalid', `invalid ${source.noun} version ''`);
    }
    const files = source.files(cloud);
    const wanted = await specOf(call);
    const { meta, spec } = await files.get(call.caller, call.param('id'));
    const same =
      (wanted.name === '' || wanted.name === meta.name) &&
      (wanted.data === '' || wanted.data === spec.data) &&
      wanted.templated === spec.templated;
    if (!same) throw new KraudError('invalid', 'only updates to Labels are allowed');
    await outOfSequence(files.update(call.caller, meta.uid, wanted.labels, version));
    call.empty(200);
  },
});
