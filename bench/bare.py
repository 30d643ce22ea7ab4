"""What the trainer's work costs without the trainer: import the framework, train the same network on both devices.

bare.py torch-cpu                   twice on the processor, as the trainer does where there is no GPU
bare.py tensorflow2-directml        on the processor and on the GPU
"""

from __future__ import annotations

import random
import sys

SIZE, WIDTH, CLASSES, STEPS, BATCH, RATE = 8, 8, 4, 40, 64, 0.05
source = random.Random(20261123)
LABELS = [index % CLASSES for index in range(256)]
IMAGES = [[[source.gauss(0, 0.3) for _ in range(SIZE)] for _ in range(SIZE)] for _ in range(256)]


def with_torch() -> None:
    import torch

    labels, images = torch.tensor(LABELS), torch.tensor(IMAGES).unsqueeze(1)
    for _ in range(2):
        net = torch.nn.Sequential(
            torch.nn.Conv2d(1, WIDTH, 3, padding=1, bias=False),
            torch.nn.BatchNorm2d(WIDTH),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False),
            torch.nn.BatchNorm2d(WIDTH),
            torch.nn.ReLU(),
            torch.nn.Flatten(),
            torch.nn.Linear((SIZE // 2) ** 2 * WIDTH, CLASSES, bias=False),
        )
        for step in range(STEPS):
            part = slice(step * BATCH % 256, step * BATCH % 256 + BATCH)
            loss = torch.nn.functional.cross_entropy(net(images[part]), labels[part])
            net.zero_grad()
            loss.backward()
            with torch.no_grad():
                for parameter in net.parameters():
                    parameter -= RATE * parameter.grad
            float(loss)


def with_tensorflow() -> None:
    import numpy as np
    import tensorflow as tf

    shapes = (3, 3, 1, WIDTH), (3, 3, WIDTH, WIDTH), ((SIZE // 2) ** 2 * WIDTH, CLASSES)
    for device in ("/CPU:0", "/GPU:0"):
        with tf.device(device):
            images = tf.constant(np.array(IMAGES, "float32")[..., None])
            labels = tf.constant(np.array(LABELS, "int64"))
            first, second, dense = (tf.Variable(tf.random.normal(shape) * 0.1) for shape in shapes)
            norms = [tf.Variable(tf.ones(WIDTH) * value) for value in (1.0, 0.0, 1.0, 0.0)]
            for step in range(STEPS):
                part = slice(step * BATCH % 256, step * BATCH % 256 + BATCH)
                with tf.GradientTape() as tape:
                    x = tf.nn.conv2d(images[part], first, 1, "SAME")
                    x = tf.nn.relu(tf.compat.v1.nn.fused_batch_norm(x, *norms[:2])[0])
                    x = tf.nn.conv2d(tf.nn.max_pool2d(x, 2, 2, "VALID"), second, 1, "SAME")
                    x = tf.nn.relu(tf.compat.v1.nn.fused_batch_norm(x, *norms[2:])[0])
                    logits = tf.matmul(tf.reshape(x, (-1, shapes[2][0])), dense)
                    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels[part], logits))
                variables = [first, second, dense, *norms]
                for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
                    variable.assign_sub(RATE * gradient)
                float(loss)


if __name__ == "__main__":
    (with_torch if sys.argv[1].startswith("torch") else with_tensorflow)()
