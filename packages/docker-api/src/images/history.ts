import type { Operation } from '../operation.ts';
import { isoToUnix } from '../times.ts';
import { checkPlatform, ownPlatform } from './platform.ts';
import { tagsOf } from './show.ts';

export const imageHistory: Operation = {
  method: 'GET',
  path: '/images/:name+/history',
  params: { platform: ownPlatform },
  async run({ images }, call) {
    const ref = call.param('name');
    const view = await images.get(call.caller, ref);
    checkPlatform(call, ref, view);
    const newestFirst = [...view.facts.history].reverse();
    call.json(
      200,
      newestFirst.map((entry, i) => ({
        Comment: entry.comment,
        Created: isoToUnix(entry.createdAt),
        CreatedBy: entry.createdBy,
        Id: i === 0 ? view.facts.id : '<missing>',
        Size: entry.sizeBytes,
        Tags: i === 0 && tagsOf(view).length > 0 ? tagsOf(view) : null,
      })),
    );
  },
};
