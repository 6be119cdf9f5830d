import { type Operation, refused, yes } from '../operation.ts';

export const removeImage: Operation = {
  method: 'DELETE',
  path: '/images/:name+',
  params: {
    force: yes('flag'),
    noprune: yes('flag'),
    platforms: refused('list', 'an image has one platform here'),
  },
  async run({ images }, call) {
    const removed = await images.remove(call.caller, call.param('name'), {
      force: call.query.flag('force'),
      prune: !call.query.flag('noprune'),
    });
    call.json(200, removed.map(removedOf));
  },
};

export function removedOf(item: { untagged: string } | { deleted: string }): object {
  return 'untagged' in item ? { Untagged: item.untagged } : { Deleted: item.deleted };
}
