import { KraudError } from '@kraud/base';
import type { Cloud } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { type Operation, partly, yes } from '../operation.ts';
import type { CreateBody } from './draft/body.ts';
import { draftOf } from './draft/draft.ts';
import { settleHostSources } from './draft/host-sources.ts';
import { configRows } from './draft/rows-config.ts';
import { hostRows } from './draft/rows-host.ts';
import { networkRows } from './draft/rows-network.ts';
import { parsePlatform } from './platform.ts';

const severalNetworksFrom = 44;
/** Before, what a container shared of its IPC was for others to join. */
const privateIpcFrom = 40;

export const createContainer: Operation = {
  method: 'POST',
  path: '/containers/create',
  params: {
    name: yes('text'),
    platform: partly('text', 'the image’s own, which must be the host’s'),
  },
  body: [...configRows, ...hostRows, ...networkRows],
  async run({ pods, images }, call) {
    const { body: checked, unknown, warnings: discarded } = await call.body('refuse');
    const body = checked as CreateBody;
    if (Object.keys(body).length === 0) {
      throw new KraudError('invalid', 'config cannot be empty in order to create a container');
    }
    if (!body.Image) {
      const hasCommand = [body.Cmd, body.Entrypoint].some((words) => words && words.length > 0);
      throw new KraudError('invalid', hasCommand ? 'no image specified' : 'no command specified');
    }
    asOlderClient(body, call.minor);
    const { sockets, hostPaths } = call.serving;
    const { draft, hostSources } = draftOf(body, { name: call.query.text('name'), sockets });
    await checkPlatform(images, call, body.Image);
    if (hostSources.length > 0 && call.caller.local) {
      const image = draft.container.image;
      await settleHostSources(hostSources, hostPaths, () => images.get(call.caller, image));
    }
    const { pod, warnings } = await pods.create(call.caller, draft);
    const ignored = unknown.map((path) => `${path} is not known and was ignored`);
    call.json(201, { Id: pod.meta.uid, Warnings: [...discarded, ...warnings, ...ignored] });
  },
};

/** What an option that older clients leave out, or could not give, meant to them. */
function asOlderClient(body: CreateBody, minor: number): void {
  const endpoints = Object.keys(body.NetworkingConfig?.EndpointsConfig ?? {});
  if (minor < severalNetworksFrom && endpoints.length > 1) {
    throw new KraudError(
      'invalid',
      `Container cannot be created with multiple network endpoints: ${endpoints.join(', ')}`,
    );
  }
  if (minor < privateIpcFrom && !body.HostConfig?.IpcMode) {
    body.HostConfig = { ...body.HostConfig, IpcMode: 'shareable' };
  }
}

async function checkPlatform(images: Cloud['images'], call: Call, image: string): Promise<void> {
  const text = call.query.text('platform');
  if (text === '') return;
  const wanted = parsePlatform(text);
  const { facts } = await images.get(call.caller, image);
  const matches =
    wanted.os === facts.os &&
    (wanted.architecture === undefined || wanted.architecture === facts.architecture) &&
    (wanted.variant === undefined || facts.variant === '' || wanted.variant === facts.variant);
  if (matches) return;
  throw new KraudError(
    'not-found',
    `image with reference ${image} was found but does not provide the specified platform (${text})`,
  );
}
