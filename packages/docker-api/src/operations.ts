import { getArchive, putArchive, statArchive } from './containers/archive.ts';
import { attachContainer } from './containers/attach.ts';
import { attachWebSocket } from './containers/attach-ws.ts';
import { containerChanges } from './containers/changes.ts';
import { commitContainer } from './containers/commit.ts';
import { createContainer } from './containers/create.ts';
import { exportContainer } from './containers/export.ts';
import { inspectContainer } from './containers/inspect.ts';
import { killContainer } from './containers/kill.ts';
import { listContainers } from './containers/list.ts';
import { containerLogs } from './containers/logs.ts';
import { pauseContainer } from './containers/pause.ts';
import { pruneContainers } from './containers/prune.ts';
import { removeContainer } from './containers/remove.ts';
import { renameContainer } from './containers/rename.ts';
import { resizeContainer } from './containers/resize.ts';
import { restartContainer } from './containers/restart.ts';
import { startContainer } from './containers/start.ts';
import { containerStats } from './containers/stats.ts';
import { stopContainer } from './containers/stop.ts';
import { topContainer } from './containers/top.ts';
import { unpauseContainer } from './containers/unpause.ts';
import { updateContainer } from './containers/update.ts';
import { waitContainer } from './containers/wait.ts';
import { createExec } from './exec/create.ts';
import { inspectExec } from './exec/inspect.ts';
import { resizeExec } from './exec/resize.ts';
import { startExec } from './exec/start.ts';
import { createImage } from './images/create.ts';
import { inspectDistribution } from './images/distribution.ts';
import { imageHistory } from './images/history.ts';
import { inspectImage } from './images/inspect.ts';
import { listImages } from './images/list.ts';
import { loadImages } from './images/load.ts';
import { pruneImages } from './images/prune.ts';
import { pushImage } from './images/push.ts';
import { removeImage } from './images/remove.ts';
import { saveImage, saveImages } from './images/save.ts';
import { tagImage } from './images/tag.ts';
import { connectNetwork } from './networks/connect.ts';
import { createNetwork } from './networks/create.ts';
import { disconnectNetwork } from './networks/disconnect.ts';
import { inspectNetwork } from './networks/inspect.ts';
import { listNetworks } from './networks/list.ts';
import { pruneNetworks } from './networks/prune.ts';
import { removeNetwork } from './networks/remove.ts';
import type { Operation } from './operation.ts';
import { fileOperations } from './secrets/operations.ts';
import { swarmOperations } from './swarm/operations.ts';
import { absentOperations } from './system/absent.ts';
import { auth } from './system/auth.ts';
import { systemDf } from './system/df.ts';
import { listPlugins, pruneBuilds } from './system/empty.ts';
import { getEvents } from './system/events.ts';
import { getInfo } from './system/info.ts';
import { getPing, headPing } from './system/ping.ts';
import { getVersion } from './system/version.ts';
import { createVolume } from './volumes/create.ts';
import { inspectVolume } from './volumes/inspect.ts';
import { listVolumes } from './volumes/list.ts';
import { pruneVolumes } from './volumes/prune.ts';
import { removeVolume } from './volumes/remove.ts';

/** Every operation of the API, in the order in which the support table shows them. */
export const operations: readonly Operation[] = [
  getPing,
  headPing,
  getVersion,
  getInfo,
  getEvents,
  systemDf,
  auth,
  createContainer,
  listContainers,
  inspectContainer,
  startContainer,
  attachContainer,
  attachWebSocket,
  waitContainer,
  containerLogs,
  stopContainer,
  restartContainer,
  killContainer,
  pauseContainer,
  unpauseContainer,
  resizeContainer,
  renameContainer,
  updateContainer,
  removeContainer,
  topContainer,
  containerStats,
  containerChanges,
  exportContainer,
  statArchive,
  getArchive,
  putArchive,
  pruneContainers,
  commitContainer,
  createExec,
  startExec,
  inspectExec,
  resizeExec,
  listImages,
  inspectImage,
  imageHistory,
  createImage,
  pushImage,
  inspectDistribution,
  loadImages,
  saveImage,
  saveImages,
  tagImage,
  removeImage,
  pruneImages,
  createVolume,
  listVolumes,
  inspectVolume,
  removeVolume,
  pruneVolumes,
  listNetworks,
  inspectNetwork,
  createNetwork,
  connectNetwork,
  disconnectNetwork,
  removeNetwork,
  pruneNetworks,
  listPlugins,
  pruneBuilds,
  ...swarmOperations,
  ...fileOperations,
  ...absentOperations,
];
