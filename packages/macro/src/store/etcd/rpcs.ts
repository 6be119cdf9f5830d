import type { Rpc } from './endpoint.ts';
import * as requests from './wire/requests.ts';
import * as responses from './wire/responses.ts';

function rpc<Request, Response>(
  path: string,
  encode: (request: Request) => Buffer,
  decode: (buffer: Buffer) => Response,
): Rpc<Request, Response> {
  return { path: `/etcdserverpb.${path}`, encode, decode };
}

/** What is used of etcd's API. */
export const rpcs = {
  range: rpc('KV/Range', requests.encodeRange, responses.decodeRange),
  txn: rpc('KV/Txn', requests.encodeTxn, responses.decodeTxn),
  compact: rpc('KV/Compact', requests.encodeCompaction, responses.decodeDone),
  watch: rpc('Watch/Watch', requests.encodeWatchCreate, responses.decodeWatch),
  leaseGrant: rpc('Lease/LeaseGrant', requests.encodeLeaseGrant, responses.decodeLease),
  leaseRevoke: rpc('Lease/LeaseRevoke', requests.encodeLeaseId, responses.decodeDone),
  leaseKeepAlive: rpc('Lease/LeaseKeepAlive', requests.encodeLeaseId, responses.decodeLease),
  status: rpc('Maintenance/Status', requests.encodeNothing, responses.decodeStatus),
  moveLeader: rpc('Maintenance/MoveLeader', requests.encodeMoveLeader, responses.decodeDone),
} as const;
