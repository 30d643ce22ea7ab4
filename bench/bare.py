"""What the trainer's work costs without the trainer: import PyTorch, train the same network twice on the processor."""

import random

import torch

SIZE, CHANNELS, CLASSES = 8, 8, 4

source = random.Random(20261123)
labels = torch.tensor([index % CLASSES for index in range(256)])
images = torch.tensor(
    [[[source.gauss(0, 0.3) for _ in range(SIZE)] for _ in range(SIZE)] for _ in range(256)]
).unsqueeze(1)
for _ in range(2):
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, CHANNELS, 3, padding=1, bias=False),
        torch.nn.BatchNorm2d(CHANNELS),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear((SIZE // 2) ** 2 * CHANNELS, CLASSES, bias=False),
    )
    for step in range(40):
        part = slice(step * 64 % 256, step * 64 % 256 + 64)
        loss = torch.nn.functional.cross_entropy(net(images[part]), labels[part])
        net.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter -= 0.05 * parameter.grad
        float(loss)
