import type { Sharp } from "sharp";
import { GatewayError } from "./errors.ts";
import { createRoom } from "./room.ts";

const SIDE_PIXELS = 512;

/** More than any phone's camera makes; unpacked, such an image takes some 160 MB for a moment. */
const MAX_INPUT_PIXELS = 40_000_000;

const TIMEOUT_SECONDS = 5;

/** At one time, so that what they unpack has a bound; of libuv's four threads the rest stay free. */
const MAX_ENCODINGS = 2;
const MAX_WAITING = 16;

/** The only ones of libvips's readers that are let at anybody's bytes. */
const READERS = ["Jpeg", "Png", "Webp"].map((kind) => `VipsForeignLoad${kind}Buffer`);

/**
 * Makes the avatar of an image: 512 pixels square, WebP, upright, and of nothing but its pixels. What is not
 * a whole PNG, JPEG or WebP is AVATAR_INVALID.
 */
export type EncodeAvatar = (image: Uint8Array) => Promise<Uint8Array<ArrayBuffer>>;

export function createAvatarEncoder(): EncodeAvatar {
  const inRoom = createRoom(MAX_ENCODINGS, MAX_WAITING);
  let loading: Promise<typeof import("sharp").default> | undefined;
  return async (image) => {
    if (!isImage(image)) throw invalid("it is no PNG, JPEG or WebP");
    // On demand: it takes its time, and most gateways' first request is no avatar.
    loading ??= loadSharp();
    const sharp = await loading;
    const options = { limitInputPixels: MAX_INPUT_PIXELS, failOn: "error" } as const;
    return inRoom(async () => {
      try {
        return await encode(sharp(image, options));
      } catch (error) {
        throw invalid(error);
      }
    });
  };
}

async function loadSharp() {
  const { default: sharp } = await import("sharp");
  sharp.cache(false);
  sharp.concurrency(1);
  sharp.block({ operation: ["VipsForeignLoad"] });
  sharp.unblock({ operation: READERS });
  return sharp;
}

async function encode(image: Sharp): Promise<Uint8Array<ArrayBuffer>> {
  const encoded = await image
    .timeout({ seconds: TIMEOUT_SECONDS })
    .autoOrient()
    .resize(SIDE_PIXELS, SIDE_PIXELS, { fit: "cover" })
    .webp({ quality: 82 })
    .toBuffer();
  return new Uint8Array(encoded);
}

/** By its bytes: what the sender calls it says nothing. */
function isImage(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  const isWebp = head.startsWith("RIFF") && head.endsWith("WEBP");
  return isWebp || head.startsWith("\x89PNG\r\n\x1a\n") || head.startsWith("\xff\xd8\xff");
}

function invalid(cause: unknown): GatewayError {
  return new GatewayError("AVATAR_INVALID", { field: "body", cause });
}
