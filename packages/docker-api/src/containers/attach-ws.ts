import type { Operation } from '../operation.ts';
import { WebSocketClient } from '../wire/websocket.ts';
import { attachParams, serveAttach, streamsOf } from './attach.ts';

/** Older clients get all three streams, whatever they say. */
const streamsFrom = 42;

export const attachWebSocket: Operation = {
  method: 'GET',
  path: '/containers/:id/attach/ws',
  note: 'binary messages (text before API 1.28), without frames around them; all streams before API 1.42',
  params: attachParams,
  run: (cloud, call) =>
    serveAttach(cloud, call, {
      streams: call.minor < streamsFrom ? { stdin: true, stdout: true, stderr: true } : streamsOf(call),
      framed: false,
      begin: () => WebSocketClient.accept(call),
    }),
};
