import { getCa, rotateCa } from './hosts/ca.ts';
import { changeHost } from './hosts/change.ts';
import { getHost } from './hosts/get.ts';
import { makeJoinToken } from './hosts/join-token.ts';
import { listHosts } from './hosts/list.ts';
import { removeHost } from './hosts/remove.ts';
import type { Operation } from './operation.ts';
import { listQuotas } from './quotas/list.ts';
import { setQuota } from './quotas/set.ts';
import { sleepPod, wakePod } from './sleep.ts';
import { whyPod } from './why.ts';

/** All that `kra` can ask. */
export const operations: readonly Operation[] = [
  listHosts,
  getHost,
  changeHost,
  removeHost,
  makeJoinToken,
  getCa,
  rotateCa,
  listQuotas,
  setQuota,
  whyPod,
  sleepPod,
  wakePod,
];
