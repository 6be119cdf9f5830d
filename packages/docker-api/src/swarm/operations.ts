import { inspectNode } from '../nodes/inspect.ts';
import { listNodes } from '../nodes/list.ts';
import { removeNode } from '../nodes/remove.ts';
import { updateNode } from '../nodes/update.ts';
import type { Operation } from '../operation.ts';
import { createService } from '../services/create.ts';
import { inspectService } from '../services/inspect.ts';
import { listServices } from '../services/list.ts';
import { serviceLogs } from '../services/logs.ts';
import { removeService } from '../services/remove.ts';
import { updateService } from '../services/update.ts';
import { inspectTask } from '../tasks/inspect.ts';
import { listTasks } from '../tasks/list.ts';
import { taskLogs } from '../tasks/logs.ts';
import { initSwarm } from './init.ts';
import { inspectSwarm } from './inspect.ts';
import { joinSwarm } from './join.ts';
import { leaveSwarm } from './leave.ts';
import { getUnlockKey, unlockSwarm } from './unlock.ts';
import { updateSwarm } from './update.ts';

/** Swarm: nodes are hosts, services are workloads, tasks are pods. */
export const swarmOperations: readonly Operation[] = [
  initSwarm,
  joinSwarm,
  inspectSwarm,
  updateSwarm,
  leaveSwarm,
  getUnlockKey,
  unlockSwarm,
  listNodes,
  inspectNode,
  updateNode,
  removeNode,
  createService,
  listServices,
  inspectService,
  updateService,
  removeService,
  serviceLogs,
  listTasks,
  inspectTask,
  taskLogs,
];
