import { KraudError } from '@kraud/base';
import type { Cloud } from '@kraud/cloud';
import type { Call } from '../call.ts';
import { type Operation, yes } from '../operation.ts';
import { sendAll } from '../wire/flow.ts';
import { checkPlatform, ownPlatform } from './platform.ts';

async function save(images: Cloud['images'], call: Call, names: string[]): Promise<void> {
  for (const name of names) checkPlatform(call, name, await images.get(call.caller, name));
  const tar = await images.save(call.caller, names, call.signal);
  await sendAll(call.open('application/x-tar'), tar);
}

export const saveImage: Operation = {
  method: 'GET',
  path: '/images/:name+/get',
  params: { platform: ownPlatform },
  async run({ images }, call) {
    await save(images, call, [call.param('name')]);
  },
};

export const saveImages: Operation = {
  method: 'GET',
  path: '/images/get',
  params: { names: yes('list'), platform: ownPlatform },
  async run({ images }, call) {
    const names = call.query.list('names').filter((name) => name !== '');
    if (names.length === 0) throw new KraudError('invalid', 'names is required');
    await save(images, call, names);
  },
};
