import { filtersOf, type Operation, partly } from '../operation.ts';

/** Collections that are there and always empty, so that what lists or prunes everything works. */
export const listPlugins: Operation = {
  method: 'GET',
  path: '/plugins',
  note: 'there are none',
  params: { filters: filtersOf('capability', 'enable') },
  run(_cloud, call) {
    call.json(200, []);
    return Promise.resolve();
  },
};

const nothingKept = 'there is no build cache';

export const pruneBuilds: Operation = {
  method: 'POST',
  path: '/build/prune',
  note: nothingKept,
  params: {
    all: partly('flag', nothingKept),
    filters: { kind: 'filters', support: 'partly', note: nothingKept },
    'keep-storage': partly('number', nothingKept),
    'reserved-space': partly('number', nothingKept),
    'max-used-space': partly('number', nothingKept),
    'min-free-space': partly('number', nothingKept),
  },
  run(_cloud, call) {
    call.json(200, { CachesDeleted: null, SpaceReclaimed: 0 });
    return Promise.resolve();
  },
};
