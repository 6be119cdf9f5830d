import type { Operation } from '../operation.ts';

const kinds = { modified: 0, added: 1, deleted: 2 } as const;

export const containerChanges: Operation = {
  method: 'GET',
  path: '/containers/:id/changes',
  async run({ pods }, call) {
    const changes = await pods.changes(call.caller, call.param('id'));
    call.json(
      200,
      changes.map(({ path, kind }) => ({ Path: path, Kind: kinds[kind] })),
    );
  },
};
