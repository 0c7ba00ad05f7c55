/** The media type of an image by its first bytes: names and types of files on phones are guesses. */
export function imageType(image: ArrayBuffer): string | undefined {
  const bytes = Array.from(new Uint8Array(image.slice(0, 12)));
  const text = String.fromCharCode(...bytes);
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  if (text.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (text.startsWith("RIFF") && text.endsWith("WEBP")) return "image/webp";
  return undefined;
}
