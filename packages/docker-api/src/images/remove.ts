import { KraudError } from '@kraud/base';
import { type Operation, partly, yes } from '../operation.ts';
import { checkPlatform } from './platform.ts';

export const removeImage: Operation = {
  method: 'DELETE',
  path: '/images/:name+',
  params: {
    force: yes('flag'),
    noprune: yes('flag'),
    platforms: partly('list', 'the image’s own'),
  },
  async run({ images }, call) {
    const ref = call.param('name');
    if (ref.trim() === '') throw new KraudError('invalid', 'image name cannot be blank');
    if (call.query.has('platforms'))
      checkPlatform(call, ref, await images.get(call.caller, ref), 'platforms');
    const removed = await images.remove(call.caller, ref, {
      force: call.query.flag('force'),
      prune: !call.query.flag('noprune'),
    });
    call.json(200, removed.map(removedOf));
  },
};

export function removedOf(item: { untagged: string } | { deleted: string }): object {
  return 'untagged' in item ? { Untagged: item.untagged } : { Deleted: item.deleted };
}
